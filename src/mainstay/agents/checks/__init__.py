"""What is checked of a draft before a person sees it: one small function per question, each answering with findings."""
