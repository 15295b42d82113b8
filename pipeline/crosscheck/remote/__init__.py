"""What providers behind a network share: rate limit, circuit breaker, retries, threads, batches, caches, cost, AWS sessions."""
