"""The words by which the tests know what they get from the application."""

SECRET = "the content behind the guard"
PAGE = "https://app.example.com"

# In the log of a server:
GONE = "the client has gone"
LOOKING = "looking the client up"
LOOKED_UP = "the client was looked up"
