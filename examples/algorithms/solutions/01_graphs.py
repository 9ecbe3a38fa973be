# %% [markdown] id="title-01"
# # 01 · Graphs
#
# A graph is a dict here: each node with the list of those that it leads to.
#
# - **Time**: about 30 minutes, two exercises.
# - **It grows**: `algorithms/graphs.py`.

# %% id="setup-01" role="given"
# %load_ext mugrade
from mugrade import check, holds, raises, rng

# %% [markdown] id="why-distances"
# ## Exercise 1: distances
#
# Write `distances(graph, start)`: a dict with every node that can be reached, and by how few steps.


# %% id="distances" role="solution" export="algorithms/graphs.py"
def distances(graph: dict[str, list[str]], start: str) -> dict[str, int]:
    """Node -> the fewest steps to it from `start`; nodes that cannot be reached are left out."""
    ### BEGIN SOLUTION
    found, border = {start: 0}, [start]
    for node in border:
        for other in graph[node]:
            if other not in found:
                found[other] = found[node] + 1
                border.append(other)
    return found
    ### END SOLUTION


# %% id="distances-are-shortest" role="check" points=50
@check
def distances_are_shortest():
    """The first way to reach a node in breadth-first order is a shortest one."""
    yield distances({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": [], "e": ["a"]}, "a")
    ### BEGIN HIDDEN TESTS
    #: a graph with circles
    names = [str(n) for n in range(12)]
    graph = {name: [str(n) for n in rng.choice(12, 2, replace=False)] for name in names}
    yield distances(graph, "0")
    ### END HIDDEN TESTS


# %% id="distances-hints" role="hints"
# 1. Where can you be after one step, and where after two?
# 2. A node that has a distance already never gets a smaller one.
# 3. A list to which you append while you loop over it is a queue.

# %% [markdown] id="why-order"
# ## Exercise 2: an order
#
# Write `order(graph)`: all nodes in an order in which every arrow leads forwards. There may be
# many, and any of them is right. If there is none, raise a `ValueError`.


# %% id="order" role="solution" export="algorithms/graphs.py"
def order(graph: dict[str, list[str]]) -> list[str]:
    """A topological order of the nodes; raises ValueError if there is a circle (Kahn, 1962)."""
    ### BEGIN SOLUTION
    arrows = {node: 0 for node in graph}
    for others in graph.values():
        for other in others:
            arrows[other] += 1
    found = [node for node, count in arrows.items() if not count]
    for node in found:
        for other in graph[node]:
            arrows[other] -= 1
            if not arrows[other]:
                found.append(other)
    if len(found) < len(graph):
        raise ValueError("a circle has no order")
    return found
    ### END SOLUTION


# %% id="order-leads-forwards" role="check" points=40
@check
def order_leads_forwards():
    """Whoever has no arrow left that leads to it may come next."""
    graph = {"shoes": [], "socks": ["shoes"], "shirt": ["tie"], "tie": ["jacket"], "jacket": []}
    yield holds(
        order(graph),
        lambda found: (
            sorted(found) == sorted(graph)
            and all(found.index(a) < found.index(b) for a in graph for b in graph[a])
        ),
        "every node once, and every arrow leads forwards",
    )
    ### BEGIN HIDDEN TESTS
    #: more nodes
    more = {str(n): [str(m) for m in range(n + 1, 10) if rng.random() < 0.4] for n in range(10)}
    yield holds(
        order(more),
        lambda found: (
            sorted(found) == sorted(more)
            and all(found.index(a) < found.index(b) for a in more for b in more[a])
        ),
        "every node once, and every arrow leads forwards",
    )
    ### END HIDDEN TESTS


# %% id="order-refuses-circles" role="check" points=10
@check
def order_refuses_circles():
    """Of two nodes that lead to each other none can come first."""
    yield raises(lambda: order({"a": ["b"], "b": ["a"]}))
    ### BEGIN HIDDEN TESTS
    #: a longer circle behind other nodes
    yield raises(lambda: order({"a": ["b"], "b": ["c"], "c": ["d"], "d": ["b"]}))
    ### END HIDDEN TESTS


# %% id="order-hints" role="hints"
# 1. Which nodes can come first?
# 2. Count the arrows that lead to each node, and take those away that come from nodes in the list.
# 3. What is left over if there is a circle?

# %% id="index-01" role="index" export="algorithms/__init__.py" of="graphs.py"
