"""Case to pages: HTML and figures. Draws what the case holds and computes no physics."""
