"""Workers of the shop that shows how paths part and meet."""
