//! What explains a read or a change of a file. Credentials and persistence points aren't judged here: nothing here
//! could excuse them.

use super::{By, Explained, Firm, Scene};
use crate::named::inside;
use crate::place::{Place, place};
use crate::profile::{FileAccess, Phase};
use crate::state::{Hold, Image};

/// What explains reading `path` by a process that runs `image`.
#[must_use]
pub fn read(scene: &Scene<'_>, image: Option<&Image>, path: &str) -> Explained {
    let server = scene.server;
    let place = place(path);
    if matches!(place, Place::Kernel | Place::Scratch) {
        return Explained::strong(By::Runtime);
    }
    if server.profile.as_ref().is_some_and(|profile| profile.normal_read(path)) {
        return Explained::strong(By::Runtime);
    }
    if is_trust_store(scene, path) {
        return Explained::strong(By::Configured);
    }
    if place != Place::Person || in_own_folder(scene, image, path) {
        return Explained::weak(By::Runtime);
    }
    let rooted = server.roots.iter().any(|root| inside(path, root));
    let lenient = server.lenient();
    let calls = scene.holding().map(|(call, hold)| {
        let firm = match (rooted && call.declared.files != FileAccess::None, hold) {
            (true, Hold::Open) => Firm::Strong,
            (true, Hold::Tail) => Firm::Weak,
            _ if lenient => Firm::Weak,
            _ => Firm::No,
        };
        (call.key, firm)
    });
    if let Some(explained) = Explained::by_calls(calls) {
        return explained;
    }
    if rooted || scene.lenient_start() {
        return Explained::weak(By::Configured);
    }
    Explained::nothing()
}

/// Whether an open call explains reading `path` only because nothing is known of its tool: the file lies outside the
/// server's folders, and no argument names it.
#[must_use]
pub fn is_unasked(scene: &Scene<'_>, explained: &Explained, path: &str) -> bool {
    explained.by == By::Call
        && explained.firm == Firm::Weak
        && !scene.server.roots.iter().any(|root| inside(path, root))
        && !scene.holding().any(|(call, _)| {
            call.cut || call.paths.iter().any(|(_, named)| named == path || inside(path, named) || inside(named, path))
        })
}

/// Settings and state of other programs below somebody's home: not the server's own by name, no cache.
#[must_use]
pub fn is_settings_of_others(scene: &Scene<'_>, path: &str) -> bool {
    let server = scene.server;
    if place(path) != Place::Hidden || scene.phase == Phase::Start || is_by_product(path) {
        return false;
    }
    let in_home = path.starts_with("/home/")
        || path.starts_with("/root/")
        || server.start.homes.iter().any(|home| inside(path, home));
    let own = |part: &str| {
        let part = part.trim_start_matches('.');
        part.len() > 2 && server.start.program().split(['/', ':', '@']).any(|name| name.contains(part))
    };
    in_home
        && !path.contains("/node_modules/")
        && !path.contains("/site-packages/")
        && !server.roots.iter().any(|root| inside(path, root))
        && !in_own_folder(scene, None, path)
        && !path.split('/').skip(3).any(own)
}

/// What explains changing `path`.
#[must_use]
pub fn write(scene: &Scene<'_>, path: &str) -> Explained {
    let server = scene.server;
    let place = place(path);
    if matches!(place, Place::Kernel | Place::Scratch) || place != Place::System && is_by_product(path) {
        return Explained::strong(By::Runtime);
    }
    if server.profile.as_ref().is_some_and(|profile| profile.normal_write(path)) {
        return Explained::strong(By::Runtime);
    }
    let rooted = server.roots.iter().any(|root| inside(path, root));
    let lenient = server.lenient();
    // a change needs a call that is open and declared to change things; a tail never excuses one
    let calls = scene.holding().map(|(call, hold)| {
        let writes = call.declared.files == FileAccess::Write;
        let firm = match hold {
            Hold::Tail => Firm::No,
            // the entry of a tool may say that it writes beside what it reads, as git refreshes its index
            Hold::Open if rooted && (writes || lenient && call.declared.may_mutate()) => Firm::Strong,
            Hold::Open if lenient && call.declared.may_mutate() && place != Place::System => Firm::Weak,
            Hold::Open => Firm::No,
        };
        (call.key, firm)
    });
    if let Some(explained) = Explained::by_calls(calls) {
        return explained;
    }
    if place == Place::Hidden && lenient { Explained::weak(By::Runtime) } else { Explained::nothing() }
}

/// Whether a person's own files lie there: below a home (or another place that isn't the system's), outside dot files
/// and installed code.
#[must_use]
pub fn is_user_data(path: &str) -> bool {
    place(path) == Place::Person
}

/// A file of certificates that the server's environment names for it to trust.
fn is_trust_store(scene: &Scene<'_>, path: &str) -> bool {
    const NAMES: [&str; 5] =
        ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
    scene.server.start.env.iter().any(|(name, value)| {
        NAMES.contains(&name.as_str()) && !value.is_empty() && (value == path || inside(path, value))
    })
}

/// The folder of the program, its package, and the working directory: a server reads those.
fn in_own_folder(scene: &Scene<'_>, image: Option<&Image>, path: &str) -> bool {
    let main = scene.server.main();
    let (root, cwd) = (&main.image, main.given.cwd.as_str());
    let own = [Some(root.as_ref()), image];
    own.into_iter().flatten().any(|image| {
        [image.exe.path.as_str(), image.script_path().unwrap_or_default()]
            .into_iter()
            .filter_map(package_folder)
            .any(|folder| inside(path, folder))
    }) || is_project(cwd) && inside(path, cwd)
}

/// The working directory, where it is a project and not a whole home or the root folder.
fn is_project(cwd: &str) -> bool {
    let depth = cwd.split('/').filter(|part| !part.is_empty()).count();
    match cwd.split('/').find(|part| !part.is_empty()) {
        Some("home") => depth > 2,
        Some("root") => depth > 1,
        Some(_) => depth > 1,
        None => false,
    }
}

/// The folder that holds a program or script, one level up for `bin`, `dist`, `build`, `src`, `lib`.
fn package_folder(path: &str) -> Option<&str> {
    let (folder, _) = path.rsplit_once('/')?;
    let (above, last) = folder.rsplit_once('/')?;
    let folder = if matches!(last, "bin" | "dist" | "build" | "src" | "lib" | "out") { above } else { folder };
    // a whole home, or a folder right below the root folder, is no package
    is_project(folder).then_some(folder)
}

/// Files that programs leave beside what they read: logs, locks, journals, compiled code.
fn is_by_product(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ends = [".log", ".lock", ".pid", "-wal", "-shm", "-journal", ".pyc", ".swp", ".sock"];
    ends.iter().any(|end| name.ends_with(end))
        || name.starts_with(".#")
        || path.contains("/__pycache__/")
        || path.contains("/.git/index")
        || path.contains("/.cache/")
        || path.contains("/logs/")
}
