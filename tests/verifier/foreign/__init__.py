"""Tests of credentials of the field: made by other people's libraries, judged by ours."""
