//! An engine whose targets are owned by somebody else, who starts them at times of his own and forgets them: what watching
//! needs. In the world, so that a minute takes no time.

use std::rc::Rc;
use std::time::Duration;

use super::world::{self, Answer, Connect, End, Peer, Speaks, When, World};
use crate::check::settings::Draft;
use crate::check::target::{self, Reader, Target};
use crate::engine::queue::Limits;
use crate::engine::resolver::Names;
use crate::engine::retry::Persistence;
use crate::engine::secure::{Defaults, Secure};
use crate::engine::{Config, Engine, Event, Tag};
use crate::reactor::Reactor;
use crate::reactor::clock::Clock;

/// What the owner waits for beside the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    Round,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A world with this many peers that answer after 50 ms.
fn peers(count: u8) -> World {
    let mut world = World::new(1);
    for number in 1..=count {
        let script = |_: &[u8], _| {
            let said = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
            Some(Answer { when: When::Asked, pieces: vec![(ms(50), said)], noise: Vec::new(), end: End::Stays })
        };
        let peer = Peer {
            speaks: Speaks::Http,
            connect: vec![Connect::After(ms(1))],
            script: Rc::new(script),
            room: 10_000,
            reads: true,
            distance: ms(1),
            ports: usize::MAX,
            work: Duration::ZERO,
        };
        world.peers.insert(format!("10.0.0.{number}:80").parse().expect("it is one"), peer);
    }
    world
}

fn target(number: u8) -> Target {
    let world = target::World {
        find_setting: |_| Err(String::new()),
        find_variable: |_| None,
        read_file: |_| Err("no files".to_owned()),
    };
    Reader::new(Draft::default(), world).argument(&format!("http://10.0.0.{number}/")).expect("it is one")
}

fn engine(limits: Limits) -> Engine<Own> {
    let reactor = Reactor::new(Clock::start()).expect("a world has a loop");
    let (persistence, names) = (Persistence::default(), Names::default());
    Engine::new(
        reactor,
        Config {
            limits,
            persistence,
            names,
            secure: Secure::new(false, Defaults::default()),
            memory: 1 << 20,
            expected: None,
        },
    )
}

/// The numbers of those that came to an end, with when, until the owner's own deadline.
fn run(engine: &mut Engine<Own>, until: Duration) -> Vec<(u64, Duration)> {
    let clock = *engine.reactor().clock();
    let key = engine.reactor().open(Tag::Owner(Own::Round));
    engine.reactor().arm(key, clock.started() + until);
    let (mut events, mut ended) = (Vec::new(), Vec::new());
    loop {
        let now = engine.turn(&mut events).expect("a world has a loop");
        for event in events.drain(..) {
            match event {
                Event::Finished { number, outcome } => {
                    assert!(outcome.verdict().is_healthy(), "{outcome:?}");
                    ended.push((number, now - clock.started()));
                }
                Event::NotYet { number, .. } => panic!("{number} is not waited for"),
                Event::Owner { tag: Own::Round, .. } => return ended,
            }
        }
    }
}

#[test]
fn targets_start_at_their_time_and_come_back_with_their_number() {
    let (ended, world) = world::run(peers(3), || {
        let mut engine = engine(Limits::in_flight(10));
        let start = engine.reactor().clock().started();
        engine.add_at(33, target(3), start + ms(20_000));
        engine.add_at(22, target(2), start + ms(10_000));
        engine.add(11, target(1), start);
        run(&mut engine, ms(30_000))
    });
    assert_eq!(ended.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [11, 22, 33]);
    for ((_, at), expected) in ended.iter().zip([0, 10_000, 20_000]) {
        assert!(*at >= ms(expected + 50) && *at < ms(expected + 80), "{at:?} in place of {expected} ms");
    }
    assert_eq!(world.open(), 0);
}

#[test]
fn what_is_cancelled_is_heard_of_no_more_wherever_it_was() {
    let (ended, world) = world::run(peers(4), || {
        let mut engine = engine(Limits::in_flight(2));
        let start = engine.reactor().clock().started();
        // Two are under way, one waits for its turn and one for its time.
        for number in 1..=3 {
            engine.add(u64::from(number), target(number), start);
        }
        engine.add_at(4, target(4), start + ms(100));
        engine.cancel(4);
        engine.cancel(1);
        engine.cancel(77);
        let ended = run(&mut engine, ms(1000));
        assert!(engine.is_idle());
        engine.cancel(2);
        ended
    });
    assert_eq!(ended.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(world.open(), 0);
}
