"""Question 2: is the token genuine, and still good?

Each validator is imported from its own file: most applications need one of them.
"""
