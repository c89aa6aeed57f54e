"""Credentials of the field: judged by their own issuers' keys and lists, without network, database or clock.

format             what was shown, told by its bytes; baked: out of an image
jws, vc_jwt, sd_jwt, credential     the three ways of securing one, read strictly
source, issuer     whose key it is; the caller brings what a domain serves
securing, open_badge, status, status_list     the checks
plan, verify, presentation, offline           the reports
"""
