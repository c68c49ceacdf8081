// Why: what a command begins with to run in another network namespace, for every part that has one named to it.

/** @param name of a namespace in /run/netns; empty: the one of this process, and nothing comes first */
export const enterNetns = (name: string): readonly string[] =>
  name === '' ? [] : ['nsenter', `--net=/run/netns/${name}`, '--'];
