"""The issuers' desk: what an institution's officer does in a browser.

    session.py      who has signed in
    account.py      signing in with an institution's account
    account_setting.py, provider_reading.py  whose accounts, and what their provider says of itself
    gate.py         who asks, and whether this site's own page asked
    sheet.py        a file as rows of text
    sheet_xml.py    what is in a large workbook, before it is unfolded
    sheet_fault.py  why a file is no table
    column.py       what the columns of a class list are called
    class_list.py   rows as claims, and what is wrong with them
    preview.py      a class list between upload and issue
    change.py       awards between choice and change
    replacing.py    one award and the corrected one
    replacement_list.py  many awards and the corrected ones
    achievement_draft.py, pathway_draft.py  what is to be published, between the form and the button
    publishing.py   what drafts have in common
    rule_reading.py rules in words
    json_place.py   the line of a fault in JSON
    record_reading.py  who did what
    job.py          work that takes longer than a page may
    download.py     tables to take away

The routes are `api/route/desk*.py`, the pages `api/templates/desk`.
"""
