//! What services do that share a board.

use std::sync::Arc;

use aggregator::board::Board;

use crate::common::{World, counted};

/// Two services, as it were, with nothing in common but the board; one of them goes away in the middle.
pub(crate) async fn services_share_rounds(boards: [Arc<dyn Board>; 2]) {
    let [first, second] = boards;
    let world = World::committee(6, (2, 2), |_| {});
    let first = world.serve(first).await;
    let second = world.serve(second).await;
    let folder = tempfile::tempdir().unwrap();
    let members = world.start_members(&[0, 1], folder.path(), second.address());
    for i in 0..3 {
        world.contribute(i, first.address()).await.unwrap();
    }
    // Something else from one who contributed at the other service is refused here.
    let again = world.contribute(0, second.address()).await;
    assert_eq!(again.err().map(|e| e.code().to_owned()).as_deref(), Some("secagg.second"));
    drop(first);
    for i in 3..6 {
        world.contribute(i, second.address()).await.unwrap();
    }
    assert_eq!(counted(&world.result(1, second.address()).await.unwrap()), [0, 1, 2, 3, 4, 5]);
    for member in members {
        member.await.unwrap().unwrap();
    }
}
