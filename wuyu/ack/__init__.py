"""叫应: every bulletin asks for a human answer, and what follows if none comes is written down step by step."""
