"""DeepRacer on AWS: accounts on its site as a grant, and the site's API for quotas, races and standings."""
