# Sourced by scripts that make a Debian of their own.

# list_debian_sources: Debian's own sources of this machine's apt, whatever mirror they name, as lines of a sources.list; nothing where apt
# knows none
list_debian_sources() {
  # shellcheck disable=SC2016
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' "Architecture: $(dpkg --print-architecture)"
}
