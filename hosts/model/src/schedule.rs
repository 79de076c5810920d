//! Who is served next, and what a step consists of.
//!
//! Owns: the order of requests. Must not know: models, tokens, wires; it sees numbers and says numbers.
//!
//! People before background work, always: while somebody waits for an answer, background requests rest with all they
//! have evaluated still in memory. They age: now and then they get a step all the same, and one that has waited long
//! enough counts as a person. Among equals callers take turns, so that many requests of one do not delay another.

use hob_engine::Priority;
use std::time::{Duration, Instant};

/// Background work that has waited this long for its start is served like a person's.
const PATIENCE: Duration = Duration::from_secs(20);
/// While people are served, background work gets a step of its own so often.
const AGEING: Duration = Duration::from_secs(1);
/// Most tokens of prompts in a step in which answers are written too: what those have to wait for.
const SLICE: usize = 24;
/// Kernels take so many rows at once; the rest of a step costs several times as much a row.
const ROWS: usize = 4;
/// A prompt gets at least this many tokens of a step, because smaller pieces cost more each.
const LEAST: usize = 16;

/// A request that waits for its start, or runs.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who waits for it.
    pub priority: Priority,
    /// Who asked.
    pub caller: String,
    /// Since when.
    pub since: Instant,
}

impl Request {
    /// Its priority now, after the time it has waited.
    fn aged(&self, now: Instant) -> Priority {
        if now.duration_since(self.since) >= PATIENCE { Priority::Interactive } else { self.priority }
    }
}

/// Which of `waiting` is to start next, when `running` run already: people first, then whose caller has the least
/// running, then who has waited longest.
pub fn next<'a>(
    waiting: impl Iterator<Item = &'a Request>,
    running: &[&Request],
    last_caller: &str,
    now: Instant,
) -> Option<usize> {
    let load = |caller: &str| running.iter().filter(|other| other.caller == caller).count();
    let key = |(_, request): &(usize, &Request)| {
        (request.aged(now), load(&request.caller), request.caller == last_caller, request.since)
    };
    waiting.enumerate().min_by_key(key).map(|(at, _)| at)
}

/// What a step needs to know of a running request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Who waits for it.
    pub priority: Priority,
    /// Tokens that are not evaluated yet; at least one.
    pub pending: usize,
    /// They belong to the prompt, so nothing of the answer is there yet.
    pub is_prompt: bool,
    /// Requests of different groups can't share a step (their adapters differ).
    pub group: usize,
    /// The context that it lies in; each has a part of the step.
    pub lane: usize,
}

/// A request's part of a step: which, and how many of its tokens.
pub type Part = (usize, usize);

/// The requests of one step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Their parts, in the order of the requests.
    pub parts: Vec<Part>,
    /// It is background work alone, which gives way when somebody comes.
    pub gives_way: bool,
}

/// Plans steps; remembers when background work last moved and whose turn it is.
#[derive(Default)]
pub struct Planner {
    background_moved: Option<Instant>,
    turn: usize,
    /// Background work rests until it is allowed again.
    held: bool,
}

impl Planner {
    /// Has background work rest from now on, whoever else is there, or lets it go on.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Whether requests of this priority rest.
    pub fn holds(&self, priority: Priority) -> bool {
        self.held && priority == Priority::Background
    }

    /// The next step over the running requests: the answers under way together, and a piece of the prompts. In each
    /// context at most its `most` tokens in all, and at most `together` answers.
    pub fn plan(&mut self, running: &[View], most: [usize; 2], together: usize, now: Instant) -> Plan {
        let priority = self.priority(running, now);
        let chosen: Vec<usize> = (0..running.len()).filter(|at| running[*at].priority == priority).collect();
        self.turn = self.turn.wrapping_add(1);
        let writes = chosen.iter().any(|at| !running[*at].is_prompt);
        let mut lanes: Vec<usize> = chosen.iter().map(|at| running[*at].lane).collect();
        lanes.sort_unstable();
        lanes.dedup();
        let mut reads = false;
        let mut parts = Vec::new();
        for lane in rotated(lanes, self.turn) {
            let most = most[lane.min(1)];
            let here = chosen.iter().copied().filter(|at| running[*at].lane == lane).collect();
            // Answers wait for one piece of a prompt, not for one in each context.
            let most_read = if !writes {
                most
            } else if reads {
                0
            } else {
                SLICE
            };
            let lane = self.of_lane(running, here, [most, most_read, together]);
            reads |= lane.iter().any(|(at, _)| running[*at].is_prompt);
            parts.extend(lane);
        }
        parts.sort_unstable();
        Plan { parts, gives_way: priority == Priority::Background }
    }

    /// One context's part of a step, of at most so many tokens, of prompts, and answers.
    fn of_lane(&self, running: &[View], chosen: Vec<usize>, [most, most_read, together]: [usize; 3]) -> Vec<Part> {
        let Some(first) = chosen.get(self.turn.wrapping_sub(1) % chosen.len().max(1)) else { return Vec::new() };
        let group = running[*first].group;
        let of = |prompt: bool| {
            let chosen = chosen.iter().copied();
            chosen.filter(move |at| running[*at].group == group && running[*at].is_prompt == prompt)
        };
        let mut parts: Vec<Part> =
            rotated(of(false).collect(), self.turn).into_iter().take(together.max(1)).map(|at| (at, 1)).collect();
        let whole = |rows: usize| if rows < most { rows - rows % ROWS } else { rows };
        let left = whole(most_read.saturating_add(parts.len()).min(most)).saturating_sub(parts.len());
        parts.extend(shares(&rotated(of(true).collect(), self.turn), running, left));
        parts
    }

    /// Whose step it is: people's, unless there are none or background work has rested long enough.
    fn priority(&mut self, running: &[View], now: Instant) -> Priority {
        let has = |priority| running.iter().any(|view| view.priority == priority);
        if self.held || !has(Priority::Background) {
            self.background_moved = None;
            return Priority::Interactive;
        }
        let rested = self.background_moved.get_or_insert(now);
        if has(Priority::Interactive) && now.duration_since(*rested) < AGEING {
            return Priority::Interactive;
        }
        self.background_moved = Some(now);
        Priority::Background
    }
}

/// Divides `left` tokens among prompts evenly, so that a short one is not held up by a long one.
fn shares(prompts: &[usize], running: &[View], mut left: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    for (done, at) in prompts.iter().enumerate() {
        let share = (left / (prompts.len() - done)).max(LEAST).min(left);
        let count = piece(running[*at].pending, share);
        if count == 0 {
            break;
        }
        parts.push((*at, count));
        left -= count;
    }
    parts
}

/// How much of `pending` tokens to read when `most` fit: never so that a single one is left, because a step of one
/// token gives slightly other scores than the same token in a larger step, and an answer must not depend on how much
/// of its prompt was already in memory.
fn piece(pending: usize, most: usize) -> usize {
    let count = pending.min(most);
    if pending - count == 1 && count > 1 { count - 1 } else { count }
}

fn rotated(mut list: Vec<usize>, turn: usize) -> Vec<usize> {
    if !list.is_empty() {
        let by = turn % list.len();
        list.rotate_left(by);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{Background, Interactive};

    fn request(priority: Priority, caller: &str, ago: u64, now: Instant) -> Request {
        Request { priority, caller: caller.into(), since: now - Duration::from_secs(ago) }
    }

    #[test]
    fn people_come_first_callers_take_turns_and_patience_ends() {
        let now = Instant::now() + Duration::from_secs(1_000);
        let of = |priority, caller, ago| request(priority, caller, ago, now);
        let waiting = [of(Background, "a", 9), of(Interactive, "b", 3), of(Interactive, "c", 1)];
        let pick = |waiting: &[Request], running: &[&Request], last| next(waiting.iter(), running, last, now);
        assert_eq!(pick(&waiting, &[], ""), Some(1));
        assert_eq!(pick(&waiting, &[&waiting[1]], ""), Some(2));
        assert_eq!(pick(&waiting, &[], "b"), Some(2));
        let old = [of(Interactive, "b", 3), of(Background, "a", 21)];
        assert_eq!(pick(&old, &[], ""), Some(1));
        assert_eq!(pick(&[], &[], ""), None);
    }

    fn view(priority: Priority, pending: usize, is_prompt: bool) -> View {
        View { priority, pending, is_prompt, group: 0, lane: 0 }
    }

    #[test]
    fn answers_go_together_with_a_slice_of_a_prompt() {
        let now = Instant::now();
        let running = [view(Interactive, 1, false), view(Interactive, 900, true), view(Interactive, 1, false)];
        let plan = Planner::default().plan(&running, [128; 2], 8, now);
        assert_eq!(plan, Plan { parts: vec![(0, 1), (1, SLICE - 2), (2, 1)], gives_way: false });
        // At most so many answers, in turns.
        let mut planner = Planner::default();
        let two: Vec<_> = (0..2).map(|_| planner.plan(&running[..1], [128; 2], 1, now).parts).collect();
        assert_eq!(two, [vec![(0, 1)], vec![(0, 1)]]);
    }

    #[test]
    fn prompts_alone_share_the_step_and_never_leave_one_token() {
        let now = Instant::now();
        let long = view(Interactive, 900, true);
        assert_eq!(Planner::default().plan(&[long], [128; 2], 8, now).parts, [(0, 128)]);
        let plan = Planner::default().plan(&[long, view(Interactive, 20, true)], [128; 2], 8, now);
        assert!(plan.parts.contains(&(1, 20)), "{plan:?}");
        assert!(plan.parts.iter().map(|(_, count)| count).sum::<usize>() <= 128);
        assert_eq!(Planner::default().plan(&[view(Interactive, 129, true)], [128; 2], 8, now).parts, [(0, 127)]);
        assert_eq!(Planner::default().plan(&[view(Interactive, 2, true)], [128; 2], 8, now).parts, [(0, 2)]);
    }

    #[test]
    fn background_work_rests_while_somebody_waits_but_not_for_ever() {
        let start = Instant::now();
        let running = [view(Interactive, 1, false), view(Background, 1, false)];
        let mut planner = Planner::default();
        let steps: Vec<bool> = (0..300u64)
            .map(|i| planner.plan(&running, [128; 2], 8, start + Duration::from_millis(10 * i)).gives_way)
            .collect();
        let background = steps.iter().filter(|gives_way| **gives_way).count();
        assert!((2..=3).contains(&background), "{background}");
        let alone = Planner::default().plan(&running[1..], [128; 2], 8, start);
        assert_eq!(alone, Plan { parts: vec![(0, 1)], gives_way: true });
    }

    #[test]
    fn held_background_work_has_no_step_at_all() {
        let start = Instant::now();
        let running = [view(Background, 1, false), view(Interactive, 1, false)];
        let mut planner = Planner::default();
        planner.hold(true);
        for seconds in [0, 100] {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(planner.plan(&running, [128; 2], 8, now).parts, [(1, 1)]);
            assert_eq!(planner.plan(&running[..1], [128; 2], 8, now).parts, []);
        }
        planner.hold(false);
        assert_eq!(planner.plan(&running[..1], [128; 2], 8, start).parts, [(0, 1)]);
    }

    #[test]
    fn groups_never_mix_and_each_gets_its_turn() {
        let other = View { group: 1, ..view(Interactive, 1, false) };
        let running = [view(Interactive, 1, false), other];
        let mut planner = Planner::default();
        let plans: Vec<_> = (0..2).map(|_| planner.plan(&running, [128; 2], 8, Instant::now()).parts).collect();
        assert_eq!(plans, [vec![(0, 1)], vec![(1, 1)]]);
    }

    #[test]
    fn each_context_has_its_part_and_answers_wait_for_one_piece_of_a_prompt() {
        let now = Instant::now();
        let beside = |view| View { lane: 1, ..view };
        let (answer, prompt) = (view(Interactive, 1, false), view(Interactive, 900, true));
        let parts = |running: &[View]| Planner::default().plan(running, [128; 2], 1, now).parts;
        assert_eq!(parts(&[answer, beside(answer)]), [(0, 1), (1, 1)]);
        assert_eq!(parts(&[prompt, beside(prompt)]), [(0, 128), (1, 128)]);
        assert_eq!(parts(&[answer, answer, beside(answer)]).len(), 2);
        let read = |parts: Vec<Part>| parts.iter().map(|(_, count)| count).filter(|count| **count > 1).sum::<usize>();
        assert!((SLICE - 1..=SLICE).contains(&read(parts(&[answer, prompt, beside(prompt)]))));
        assert_eq!(parts(&[answer, beside(prompt)]), [(0, 1), (1, SLICE)]);
    }

    #[test]
    fn nothing_running_is_no_step() {
        assert_eq!(Planner::default().plan(&[], [128; 2], 8, Instant::now()), Plan::default());
    }
}
