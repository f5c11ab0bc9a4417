"""What can be asked for: the options of each command. What it does is beside."""
