"""Pure decisions about text, images, rights and pairs: no Beam, no network, no clock, no randomness."""
