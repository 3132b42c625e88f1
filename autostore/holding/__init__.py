"""What an interrupt cannot leave behind: descriptors and locks that are free once nobody uses them; and waiting."""
