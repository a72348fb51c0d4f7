"""Page -> typed snapshot."""
