"""Name the mistake behind a wrong value, where the values alone can tell.

A rule is a function from `Evidence` to a `Diagnosis` or None, marked with `@rule`; `diagnose` asks
the rules of one kind in the order in which they stand, from the specific to the general, and the
first that speaks counts. A rule states what it has seen, and only when it is all but certain: a
wrong explanation is worse than none. No text holds a number that is not a shape or a dtype's
limit, so that it may be shown for hidden inputs too.
"""
