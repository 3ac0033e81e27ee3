# Skips a recipe that needs a feature which the distribution has not.
python () {
    for feature in (d.getVar("REQUIRED_DISTRO_FEATURES") or "").split():
        if feature not in d.getVar("DISTRO_FEATURES").split():
            raise bb.parse.SkipRecipe("missing required distro feature '%s'" % feature)
}
