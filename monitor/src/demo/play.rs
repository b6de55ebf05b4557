//! The order of events: the stage is set, the steps are played, and what came is judged.

use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::client::{self, Client};
use super::cloud::Cloud;
use super::follow::{Follow, Seen};
use super::ground::{Ground, KEY_MARK};
use super::judge::{self, Expected};
use super::offspring::Offspring;
use super::steps::{self, Deed, Step};
use super::subject::Subject;
use super::timeline::Timeline;
use super::world::World;
use super::{cloud, interrupt, world};

/// An alert is written at once; this is what a loaded machine gets.
const ALERT_BOUND: Duration = Duration::from_secs(10);
/// A call is closed half a second after its answer.
const CALL_BOUND: Duration = Duration::from_secs(5);
/// What comes of one cause comes together.
const REST: Duration = Duration::from_millis(300);

/// Plays everything; `Ok(true)` when exactly the expected alerts came.
pub fn play(subject: &Subject, shell: &str, offspring: &mut Offspring) -> Result<bool> {
    let ground = Ground::enter(&subject.needed())?;
    let cloud = cloud::start(&ground.path("authority.pem"))?;
    let world = world::start()?;
    let server = subject.install(&ground)?;
    let mut timeline = Timeline::new(&ground, subject);
    timeline.opening(&subject.title(), &subject.trojan())?;
    let client = Client::start(&ground, &server)?;
    let mut scene = Scene {
        follow: Follow::new(&ground),
        client,
        cloud: &cloud,
        world: &world,
        ground: &ground,
        shown: 0,
        calls: 0,
    };
    let parts = [("Ordinary use", steps::benign(&ground)), ("Attacks", steps::hostile(&ground, shell))];
    for (title, steps) in &parts {
        timeline.part(title)?;
        for step in steps {
            timeline.step(step.title)?;
            scene.play(step, &mut timeline)?;
        }
    }
    let Scene { client, follow, shown, .. } = scene;
    client.close()?;
    if !offspring.settle() {
        interrupt::check()?;
        bail!("the watcher did not end when its server had ended");
    }
    check_deeds(&cloud, &world)?;
    let alerts = follow.alerts()?;
    if alerts.len() > shown {
        timeline.part("After the server had ended")?;
        timeline.alerts(&alerts[shown..])?;
    }
    let expected: Vec<Expected> =
        parts.iter().flat_map(|(_, steps)| steps).flat_map(|step| step.expected.clone()).collect();
    let verdict = judge::judge(&expected, &alerts);
    timeline.summary(&verdict)?;
    Ok(verdict.is_good())
}

/// What a step needs, and how much of Tripline's output is shown already.
struct Scene<'a> {
    follow: Follow,
    client: Client,
    cloud: &'a Cloud,
    world: &'a World,
    ground: &'a Ground,
    shown: usize,
    calls: usize,
}

impl Scene<'_> {
    fn play(&mut self, step: &Step, timeline: &mut Timeline) -> Result<()> {
        let stolen = self.world.stolen.load(Ordering::Relaxed);
        match &step.deed {
            Deed::Call { tool, arguments } => {
                timeline.asked(tool, arguments)?;
                self.client.call(tool, arguments)?;
                self.show_call(tool, timeline)?;
            }
            Deed::Neighbour { argv } => {
                timeline.ran(argv)?;
                run(argv, self.ground)?;
            }
        }
        for request in self.cloud.take_requests() {
            timeline.arrived(&format!("{request} at the API"))?;
        }
        match self.world.stolen.load(Ordering::Relaxed) - stolen {
            0 => {}
            count => timeline.arrived(&format!("{count} bytes at the thief's host"))?,
        }
        let alerts = self.new_alerts(step)?;
        timeline.alerts(&alerts)?;
        Ok(())
    }

    /// The call's record is written when its tail is over.
    fn show_call(&mut self, tool: &str, timeline: &Timeline) -> Result<()> {
        let closed = interrupt::wait(CALL_BOUND, || Ok(self.follow.calls()?.into_iter().nth(self.calls)))?;
        let record = closed.with_context(|| format!("Tripline wrote no record of the call of {tool}"))?;
        self.calls += 1;
        if record.tool != tool {
            bail!("Tripline took the call of {tool} for one of {}", record.tool);
        }
        Ok(timeline.did(&record)?)
    }

    /// Waits for the expected ones, and a little for others.
    fn new_alerts(&mut self, step: &Step) -> Result<Vec<Seen>> {
        let complete = || -> Result<Option<()>> {
            let alerts = self.follow.alerts()?;
            let verdict = judge::judge(&step.expected, alerts.get(self.shown..).unwrap_or_default());
            Ok(verdict.expected.iter().all(|(_, came)| came.is_some()).then_some(()))
        };
        // What doesn't come is told at the end, beside what does.
        let _all_here = interrupt::wait(ALERT_BOUND, complete)?;
        interrupt::wait(REST, || Ok(None::<()>))?;
        let alerts = self.follow.alerts()?;
        let new = alerts.get(self.shown..).unwrap_or_default().to_vec();
        self.shown = alerts.len();
        Ok(new)
    }
}

/// A process that is no descendant of the server.
fn run(argv: &[String; 2], ground: &Ground) -> Result<()> {
    let mut command = Command::new(&argv[0]);
    command.arg(&argv[1]).env_clear().envs(client::environment(ground)).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().with_context(|| format!("cannot start {}", argv[0]))?;
    if !status.success() {
        bail!("{} failed: {status}", argv.join(" "));
    }
    Ok(())
}

/// An attack that did not happen proves nothing.
fn check_deeds(cloud: &Cloud, world: &World) -> Result<()> {
    if !cloud.has_script_with(KEY_MARK) {
        bail!("the private key did not reach the API: the attack did not work");
    }
    if world.stolen.load(Ordering::Relaxed) == 0 {
        bail!("nothing reached the thief's host: the trojan did not work");
    }
    if world.probes.load(Ordering::Relaxed) == 0 {
        bail!("nobody asked the metadata service: the trojan did not work");
    }
    Ok(())
}
