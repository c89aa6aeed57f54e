"""The documents of an award: each module maps an award to one form, purely, and loses nothing on the way.

``docs/spec/mapping.md`` says where every element stands in every form; a test reads that table and looks there.
"""
