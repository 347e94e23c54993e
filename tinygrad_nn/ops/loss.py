"""Losses and the softmax family as operations of their own, because a composition would lose digits or time."""
