"""CT to Spine: levels, body frames, pedicles, morphometry, fracture, density."""
