"""Does a message look as its template does?  Both opened in Chromium, their styles and pixels compared."""
