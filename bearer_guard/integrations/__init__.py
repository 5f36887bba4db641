"""One thin file for each library that is not needed everywhere."""
