"""What commands do, over a real store."""
