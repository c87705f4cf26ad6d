"""Room 1: hearing and speaking. One file per channel; each knows one provider and nothing else of ours."""
