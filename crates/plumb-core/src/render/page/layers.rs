//! Where the boxes of a graph stand: columns by what is needed, rows near what a box is tied to.

/// The column and the row of each of some nodes; rows in halves, so that short columns stand in the middle.
pub(super) struct BoxPlaces {
    /// What is needed stands left of what needs it.
    pub columns: Vec<usize>,
    /// Twice the row.
    pub rows: Vec<usize>,
}

/// How often rows are put into a better order, back and forth.
const SWEEPS: usize = 4;

/// BoxPlaces nodes by edges from what needs to what is needed. Linear in both, but for sorting.
pub(super) fn places(count: usize, edges: &[(usize, usize)]) -> BoxPlaces {
    let columns = columns(count, edges);
    let (mut needs, mut users) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for (from, to) in edges {
        needs[*from].push(*to);
        users[*to].push(*from);
    }
    let wide = columns.iter().max().map_or(0, |last| last + 1);
    let mut by_column: Vec<Vec<usize>> = vec![Vec::new(); wide];
    for (node, column) in columns.iter().enumerate() {
        by_column[*column].push(node);
    }
    let high = by_column.iter().map(Vec::len).max().unwrap_or(0);
    let mut rows = vec![0; count];
    let set = |rows: &mut Vec<usize>, column: &[usize]| {
        // In the middle of the highest column.
        let first = high - column.len();
        column.iter().enumerate().for_each(|(at, node)| rows[*node] = first + 2 * at);
    };
    by_column.iter().for_each(|column| set(&mut rows, column));
    for sweep in 0..SWEEPS {
        let ahead = sweep % 2 == 0;
        let order: Vec<usize> = if ahead { (0..wide).collect() } else { (0..wide).rev().collect() };
        for column in order {
            let tied = if ahead { &needs } else { &users };
            // In thousandths of a row: the mean of those that it is tied to; without a tie it stays.
            let mean = |node: usize| {
                let all = &tied[node];
                (all.iter().map(|other| rows[*other]).sum::<usize>() * 1000)
                    .checked_div(all.len())
                    .unwrap_or(rows[node] * 1000)
            };
            let mut sorted: Vec<(usize, usize)> = by_column[column].iter().map(|node| (mean(*node), *node)).collect();
            sorted.sort_by_key(|(mean, node)| (*mean, rows[*node], *node));
            by_column[column] = sorted.into_iter().map(|(_, node)| node).collect();
            set(&mut rows, &by_column[column]);
        }
    }
    BoxPlaces { columns, rows }
}

/// The column of each node: one right of the last that it needs. Ties that close a circle count for nothing.
fn columns(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let (mut open, mut users) = (vec![0usize; count], vec![Vec::new(); count]);
    for (from, to) in edges {
        open[*from] += 1;
        users[*to].push(*from);
    }
    let (mut columns, mut done) = (vec![0usize; count], vec![false; count]);
    let mut free: Vec<usize> = (0..count).rev().filter(|node| open[*node] == 0).collect();
    let (mut next, mut order) = (0, Vec::with_capacity(count));
    loop {
        while let Some(node) = free.pop() {
            if std::mem::replace(&mut done[node], true) {
                continue;
            }
            order.push(node);
            for &user in users[node].iter().filter(|user| !done[**user]) {
                columns[user] = columns[user].max(columns[node] + 1);
                open[user] -= 1;
                if open[user] == 0 {
                    free.push(user);
                }
            }
        }
        while next < count && done[next] {
            next += 1;
        }
        if next == count {
            break;
        }
        // All that is left waits for a circle: somebody has to begin.
        free.push(next);
    }
    // What needs nothing stands next to the first that needs it.
    let mut needs_nothing = vec![true; count];
    edges.iter().for_each(|(from, _)| needs_nothing[*from] = false);
    for node in order.into_iter().filter(|node| needs_nothing[*node]) {
        if let Some(first) = users[node].iter().map(|user| columns[*user]).min() {
            columns[node] = first.saturating_sub(1);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_stands_left_of_what_needs_it() {
        // 0 pool, 1 job, 2 DAG, 3 a connection of the DAG alone.
        let places = places(4, &[(1, 0), (2, 1), (2, 3)]);
        assert_eq!(places.columns, [0, 1, 2, 1]);
    }

    #[test]
    fn a_circle_is_drawn_and_ends() {
        let places = places(3, &[(0, 1), (1, 2), (2, 0)]);
        assert_eq!(places.columns.len(), 3);
        assert!(places.columns.iter().all(|column| *column < 3), "{:?}", places.columns);
    }

    #[test]
    fn rows_are_each_their_own_and_follow_their_ties() {
        // Two pools in the other order than their jobs.
        let places = places(4, &[(2, 1), (3, 0)]);
        assert_eq!(places.columns, [0, 0, 1, 1]);
        assert_eq!((places.rows[2], places.rows[3]), (places.rows[1], places.rows[0]));
    }
}
