"""Who calls: API keys, principals, and the HTTP check in front of everything. It holds no secret in clear."""
