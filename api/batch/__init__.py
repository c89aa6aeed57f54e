"""Many things verified in one request, a line each: read, judged and answered as they come, and none of them kept."""
