"""Payments: started at a provider, settled by its webhooks, returned where they cannot buy what they were for."""
