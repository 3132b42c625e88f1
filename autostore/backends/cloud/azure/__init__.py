"""Azure Blob Storage by obstore, which does all of it: no other client is needed, and none declined to."""
