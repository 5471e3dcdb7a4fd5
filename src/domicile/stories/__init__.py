"""True stories, told of an invented network in the real one's place: each step does something and checks it."""
