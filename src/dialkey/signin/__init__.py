"""Signing in with a phone number and a PIN; the browser's session. Knows nothing of OAuth.

The door: `SignInPages.ask` shows the number page for a `SignInStart`; when the PIN was right the browser goes to
`start.return_to` with the sign-in's id appended, where `SignIns.find` tells what the caller gave it to carry.
`Sessions.find` tells who is signed in.
"""
