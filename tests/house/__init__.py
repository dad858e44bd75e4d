"""What holds the listing, the sizes and the habits of the project; needs the source tree."""
