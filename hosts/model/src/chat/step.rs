//! One step for all that run: planned, evaluated in the contexts, and a token chosen for each.
//!
//! Owns: the step. Must not know: how requests come and go.

use super::{Chat, send};
use crate::adapters::Group;
use crate::context::{Item, Step};
use crate::format::Format;
use crate::grammar::Grammars;
use crate::lanes::Load;
use crate::output::Send;
use crate::pool::Waiting;
use crate::run::Run;
use crate::saved::common;
use crate::schedule::{Part, Plan, View};
use crate::threads::Work;
use hob_engine::{EngineError, Finish, ModelReply, ModelRequest, Priority};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use std::time::Instant;

/// What one context does in a step.
struct Batch {
    lane: usize,
    group: Group,
    parts: Vec<Part>,
    items: Vec<Item>,
    /// What probably follows the only part, evaluated after its tokens.
    guesses: Vec<LlamaToken>,
    work: Work,
    /// What the threads do afterwards.
    waiting: Waiting,
}

impl Batch {
    fn load(&self) -> Load<'_> {
        Load { lane: self.lane, items: &self.items, group: self.group, waiting: self.waiting }
    }

    fn is_prompt(&self) -> bool {
        matches!(self.work, Work::Prefill | Work::Piece)
    }

    /// Its time says what a step for so many answers takes.
    fn is_telling(&self) -> bool {
        matches!(self.work, Work::Decode | Work::Together)
    }
}

impl Chat<'_> {
    /// One step for all that run.
    pub(super) fn step(&mut self) -> Result<(), EngineError> {
        let views: Vec<View> = self.runs.iter().map(|run| self.view(run)).collect();
        let answers = [0, 1].map(|lane| views.iter().filter(|view| !view.is_prompt && view.lane == lane).count());
        let most = [0, 1].map(|lane| self.lanes.most(lane));
        let plan = self.planner.plan(&views, most, self.paces.together(answers), Instant::now());
        if plan.parts.is_empty() {
            return Ok(());
        }
        self.rest(&plan);
        self.wire.begin_step(plan.gives_way);
        let mut batches = self.batches(&plan, &views);
        self.guess(&mut batches);
        let done = self.evaluate(&batches)?;
        self.conclude(&batches, &done);
        Ok(())
    }

    fn view(&self, run: &Run) -> View {
        let filled = run.place.map_or(0, |place| self.lanes.filled(place));
        let pending = run.tokens.len() - filled;
        // After a loss, an answer's tokens are read again like a prompt.
        let is_prompt = run.is_prompt() || pending > 1;
        let lane = run.place.map_or(0, |place| place.lane);
        View { priority: run.request.priority, pending, is_prompt, group: run.adapter, lane }
    }

    /// Notes who has to wait for somebody else, and lets out what they have said so far.
    fn rest(&mut self, plan: &Plan) {
        for (at, run) in self.runs.iter_mut().enumerate() {
            let moves = plan.parts.iter().any(|(moving, _)| *moving == at);
            let rests = !moves && run.request.priority == Priority::Background && !plan.gives_way;
            if rests && !std::mem::replace(&mut run.rests, rests) {
                run.usage.preempted += 1;
                send(self.wire, run, Send::All);
            }
            run.rests = rests;
        }
    }

    /// The plan by contexts.
    fn batches(&self, plan: &Plan, views: &[View]) -> Vec<Batch> {
        let lanes = (0..self.lanes.count()).map(|lane| {
            let parts = plan.parts.iter().copied().filter(|(at, _)| views[*at].lane == lane);
            (lane, parts.collect::<Vec<_>>())
        });
        let batch = |(lane, parts): (usize, Vec<Part>)| {
            let group = views[parts.first()?.0].group;
            let items = parts.iter().flat_map(|part| self.items(*part)).collect();
            let waiting =
                if parts.iter().all(|(at, _)| views[*at].is_prompt) { Waiting::Asleep } else { Waiting::Looking };
            Some(Batch { lane, group, items, guesses: Vec::new(), work: work(&parts, views), waiting, parts })
        };
        lanes.filter_map(batch).collect()
    }

    /// Adds to the step of a lone answer what it probably says next. Beside others it would take their time.
    fn guess(&mut self, batches: &mut [Batch]) {
        let [batch] = batches else { return };
        let ([(at, _)], Some(last)) = (&batch.parts[..], batch.items.last().copied()) else { return };
        let is_alone = self.runs.iter().enumerate().all(|(other, run)| other == *at || run.rests);
        if !last.scored || !is_alone || self.whole_only {
            return;
        }
        let most = self.lanes.most(batch.lane).saturating_sub(batch.items.len());
        batch.guesses = self.runs[*at].guesses(batch.items.len() == 1, most);
        if batch.guesses.is_empty() {
            return;
        }
        let positions = last.position + 1..;
        batch.items.extend(batch.guesses.iter().zip(positions).map(|(token, position)| Item {
            token: *token,
            position,
            ..last
        }));
        batch.work = Work::Guessed;
    }

    fn items(&self, (at, count): Part) -> Vec<Item> {
        let run = &self.runs[at];
        let Some(place) = run.place else { return Vec::new() };
        let from = self.lanes.filled(place);
        let item = |position| {
            let scored = position + 1 == run.tokens.len();
            Item { seq: place.seq, token: run.tokens[position], position, scored }
        };
        (from..from + count).map(item).collect()
    }

    /// Evaluates the batches: at the same time where they are alike, else one after the other with all threads. Says of
    /// each how it ended and with how many threads.
    fn evaluate(&mut self, batches: &[Batch]) -> Result<Vec<(Step, u32)>, EngineError> {
        if let [first, second] = batches
            && are_alike(first, second)
        {
            return self.evaluate_both(first, second);
        }
        batches.iter().map(|batch| self.evaluate_one(batch)).collect()
    }

    fn evaluate_one(&mut self, batch: &Batch) -> Result<(Step, u32), EngineError> {
        let started = Instant::now();
        let threads = self.threads.next(batch.work, started);
        let step = self.lanes.step(&batch.load(), threads, &self.adapters)?;
        let time = started.elapsed();
        if step == Step::Done {
            self.threads.took(batch.work, batch.items.len(), time);
            if batch.is_telling() {
                self.paces.took(batch.parts.len(), self.threads.free(), time);
            }
        }
        Ok((step, threads))
    }

    fn evaluate_both(&mut self, first: &Batch, second: &Batch) -> Result<Vec<(Step, u32)>, EngineError> {
        let tokens = first.items.len() + second.items.len();
        let work = if first.is_prompt() { Work::reading(tokens) } else { Work::Abreast };
        let started = Instant::now();
        let threads = self.threads.next(work, started);
        let steps = if threads < 2 {
            [first, second].map(|batch| self.lanes.step(&batch.load(), threads, &self.adapters)).into_iter().collect()
        } else {
            self.lanes.step_both([&first.load(), &second.load()], threads, &self.adapters).map(Vec::from)
        };
        let (steps, time): (Vec<Step>, _) = (steps?, started.elapsed());
        if steps.iter().all(|step| *step == Step::Done) {
            self.threads.took(work, tokens, time);
            if work == Work::Abreast && threads > 1 {
                self.paces.took_both(first.parts.len().max(second.parts.len()), self.threads.free(), time);
            }
        }
        Ok(steps.into_iter().map(|step| (step, threads)).collect())
    }

    /// After a step: its tokens are in memory, whoever has none left chooses the next, and who is done leaves.
    fn conclude(&mut self, batches: &[Batch], done: &[(Step, u32)]) {
        let mut over = Vec::new();
        let mut full = Vec::new();
        for (batch, (step, threads)) in batches.iter().zip(done) {
            match step {
                Step::Done => self.choose(batch, *threads, &mut over),
                Step::Interrupted => {
                    batch.parts.iter().filter_map(|(at, _)| self.runs[*at].place).for_each(|at| self.lanes.undo(at));
                }
                Step::NoRoom => full.push(batch.lane),
            }
        }
        over.sort_unstable_by_key(|(at, _)| *at);
        for (at, end) in over.into_iter().rev() {
            match end {
                Ok(finish) => self.end(at, finish),
                Err(error) => {
                    let run = self.remove(at);
                    self.wire.finish(&run.job, ModelReply::Failed(error));
                }
            }
        }
        full.into_iter().for_each(|lane| self.make_room(lane));
    }

    fn choose(&mut self, batch: &Batch, threads: u32, over: &mut Vec<(usize, Result<Finish, EngineError>)>) {
        let crowded = self.threads.is_busy() || self.runs.len() > 2;
        let how = if crowded { Send::Busy } else { Send::Idle };
        let mut last = 0;
        for (at, count) in &batch.parts {
            let run = &mut self.runs[*at];
            let Some(place) = run.place else { continue };
            last += count;
            let item = batch.items[last - 1];
            self.lanes.added(place, &run.tokens[item.position + 1 - count..=item.position]);
            run.usage.threads = threads;
            if !item.scored {
                continue;
            }
            match self.go_on(*at, batch, last - 1) {
                Ok(None) => send(self.wire, &mut self.runs[*at], how),
                Ok(Some(finish)) => over.push((*at, Ok(finish))),
                Err(error) => over.push((*at, Err(error))),
            }
        }
    }

    /// Chooses what follows item `last` of a step, and what follows that, for as long as it was guessed right. Guesses
    /// that did not come true leave the context.
    fn go_on(&mut self, at: usize, batch: &Batch, last: usize) -> Result<Option<Finish>, EngineError> {
        let run = &mut self.runs[at];
        let known = run.tokens.len();
        let mut right = 0;
        let over = loop {
            let scores = self.lanes.scores(batch.lane, last + right);
            let chosen = run.choose(&self.vocab, &self.marked, scores).and_then(|over| {
                constrain_call(run, self.template.format(), self.grammars.as_ref(), &self.vocab)?;
                Ok(over)
            });
            let said = &run.tokens[known..];
            right = common(&batch.guesses, said);
            if right < said.len() || !matches!(chosen, Ok(None)) {
                break chosen;
            }
        };
        run.usage.drafted += batch.guesses.len() as u32;
        run.usage.accepted += right as u32;
        if let Some(place) = run.place.filter(|_| !batch.guesses.is_empty()) {
            self.lanes.added(place, &batch.guesses[..right]);
            if right < batch.guesses.len() {
                self.lanes.undo(place);
            }
        }
        over
    }
}

/// Two batches that can be evaluated at the same time without one context waiting long for the other.
fn are_alike(first: &Batch, second: &Batch) -> bool {
    let (fewer, more) = (first.items.len().min(second.items.len()), first.items.len().max(second.items.len()));
    first.is_prompt() == second.is_prompt() && more <= 2 * fewer
}

/// Binds the arguments of a call that the model has just opened to the tools' schemas.
fn constrain_call(
    run: &mut Run,
    format: &Format,
    grammars: Option<&Grammars>,
    vocab: &LlamaVocab<'_>,
) -> Result<(), EngineError> {
    let Some(grammars) = grammars.filter(|_| run.guide.wants_call()) else { return Ok(()) };
    let Some(body) = run.output.open_call() else { return Ok(()) };
    let ModelRequest::Generate(spec) = &*run.job.body else { return Ok(()) };
    run.guide.call(spec, format, grammars, vocab, body)
}

fn work(parts: &[Part], views: &[View]) -> Work {
    match parts.len() {
        _ if parts.iter().any(|(at, _)| views[*at].is_prompt) => {
            Work::reading(parts.iter().map(|(_, count)| count).sum())
        }
        1 => Work::Decode,
        _ => Work::Together,
    }
}
