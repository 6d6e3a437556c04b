//! What the schema of a comparison cannot say.
