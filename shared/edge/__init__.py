"""Who asks, what they may, how often, from where: decided before anything is looked up."""
