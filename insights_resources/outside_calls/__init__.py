"""What stands before a system outside that is asked by the request: circuit breaker, rate and
retries. Page providers and the language model share it.
"""
