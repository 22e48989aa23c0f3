"""Web: what every face needs to speak HTTP safely: strict forms, cookies, security headers, pages, languages, errors."""
