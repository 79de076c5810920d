//! hob-index: everything the user has, found by words and by meaning.
