"""Ground values that every room stands on: time, chance, ids, phone numbers, scopes, addresses. Standard library only."""
