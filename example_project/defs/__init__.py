"""What `dg scaffold defs` lays down; it is loaded beside the assets of this example."""
