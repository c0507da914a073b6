"""Budgets: the cost of an answer, the limits of a day, and the decision whether a request fits. Pure.

prices        the price of tokens, and the cost of an answer
price_table   public prices of well-known services, each with its source and date
tariff        which price applies to an engine's answers
estimate      the tokens of a request before it is sent, and of an answer without a report
limits        amounts, limits and standings; whether a request fits
ledger        the interface of the file (or server) that keeps the accounts
wording       the sentences about all of them
"""
