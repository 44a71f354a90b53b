"""What touches the network or guards it: secrets by reference. Nothing here knows an adapter."""
