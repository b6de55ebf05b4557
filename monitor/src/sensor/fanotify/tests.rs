use std::fs;

use std::path::Path;

use monitor_core::credential::{WatchKind, WatchPlace};

use super::{MAX_CHILDREN, MAX_MARKS, MAX_OF_PLACE, Marks};

fn folder(path: &Path, depth: u8) -> WatchPlace {
    WatchPlace { path: path.display().to_string(), kind: WatchKind::Dir, depth }
}

fn fill(folder: &Path, files: usize) {
    fs::create_dir_all(folder).unwrap();
    (0..files).for_each(|number| fs::write(folder.join(number.to_string()), "").unwrap());
}

#[test]
fn root_who_fills_a_folder_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (full, other) = (dir.path().join("full"), dir.path().join("other"));
    (0..40).for_each(|number| fill(&full.join(number.to_string()), 100));
    fill(&other, 3);
    let mut marks = Marks::new().unwrap();
    let scan = marks.add(&[folder(&full, 4), folder(&other, 0)]);
    assert!(scan.bounded && scan.refused.is_none());
    let others = scan.files.iter().filter(|file| file.path.starts_with(other.to_str().unwrap()));
    assert_eq!(others.count(), 3);
    assert!(scan.files.len() <= MAX_OF_PLACE + 3 && scan.files.len() > MAX_OF_PLACE / 2, "{}", scan.files.len());
    let looked = Marks::only_look(&[folder(&full, 4), folder(&other, 0)]);
    assert!(looked.bounded && looked.files.len() <= MAX_OF_PLACE + 3, "{}", looked.files.len());
    assert!(!marks.add(&[folder(&other, 0)]).bounded);
    fill(&other, MAX_CHILDREN + 1);
    assert!(marks.add(&[folder(&other, 0)]).bounded, "one folder has too much in it");
}

#[test]
fn root_there_are_so_many_marks_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let folders: Vec<_> = (0..17).map(|number| dir.path().join(number.to_string())).collect();
    folders.iter().for_each(|folder| fill(folder, 500));
    let mut marks = Marks::new().unwrap();
    let places: Vec<_> = folders.iter().map(|path| folder(path, 0)).collect();
    assert!(marks.add(&places).bounded);
    assert_eq!(marks.marked.len(), MAX_MARKS);
    // what is gone makes room
    fs::remove_dir_all(&folders[0]).unwrap();
    assert!(!marks.add(&places).bounded);
    assert_eq!((marks.marked.len(), marks.names.len()), (16 * 501, 16 * 501));
}

#[test]
fn root_a_mark_ends_with_its_file_or_with_the_last_place_that_needs_it() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    fill(&one, 2);
    fill(&two, 1);
    let mut marks = Marks::new().unwrap();
    assert_eq!(marks.add(&[folder(&one, 0), folder(&two, 0)]).files.len(), 3);
    assert_eq!(marks.marked.len(), 5);
    fs::rename(one.join("0"), dir.path().join("away")).unwrap();
    assert!(marks.add(&[folder(&one, 0), folder(&two, 0)]).files.is_empty());
    assert_eq!(marks.marked.len(), 5, "it is marked by whatever name");
    fs::remove_file(dir.path().join("away")).unwrap();
    marks.add(&[folder(&one, 0), folder(&two, 0)]);
    assert_eq!((marks.marked.len(), marks.marked().count()), (4, 4));
    marks.keep(&[folder(&two, 0)]);
    assert_eq!((marks.marked.len(), marks.marked().count()), (2, 2));
    // Nothing is told of what isn't marked any more; what still is comes after it.
    fs::read(one.join("1")).unwrap();
    fs::read(two.join("0")).unwrap();
    let told: Vec<_> = marks.read().opened.into_iter().map(|opened| opened.file.path).collect();
    let kept = two.join("0").display().to_string();
    assert!(!told.is_empty() && told.iter().all(|path| *path == kept), "{told:?}");
    assert_eq!(marks.add(&[folder(&one, 0)]).files.len(), 1, "another server needs it");
}

#[test]
fn root_a_mark_stays_while_any_place_needs_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let (victim, hostile) = (dir.path().join("victim"), dir.path().join("hostile"));
    fill(&victim, 1);
    std::os::unix::fs::symlink(&victim, &hostile).unwrap();
    let mut marks = Marks::new().unwrap();
    marks.add(&[folder(&victim, 0), folder(&hostile, 0)]);
    marks.keep(&[folder(&victim, 0)]);
    assert_eq!((marks.marked.len(), marks.marked().count()), (2, 2));
    fs::read(victim.join("0")).unwrap();
    assert!(!marks.read().opened.is_empty(), "it is told still");
    // the name that is left is what it is known by
    fs::remove_file(&hostile).unwrap();
    assert!(marks.add(&[folder(&victim, 0)]).files.is_empty());
    marks.keep(&[]);
    assert_eq!((marks.marked.len(), marks.marked().count()), (0, 0));
}

#[test]
fn root_a_link_makes_nobody_else_s_file_a_credential() {
    use std::os::unix::fs::{chown, lchown, symlink};
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let place = |name: &str, kind| WatchPlace { path: at(name).display().to_string(), kind, depth: 1 };
    fs::create_dir(at("dotfiles")).unwrap();
    for (name, uid) in [("netrc", 1000), ("root", 0)] {
        fs::write(at("dotfiles").join(name), "x").unwrap();
        chown(at("dotfiles").join(name), Some(uid), None).unwrap();
    }
    // root's link into the system, a user's to root's file, a user's own, and one that root made for a user
    let links = [(".root", "/bin/sh", 0), (".other", "dotfiles/root", 1000), (".npmrc", "dotfiles/netrc", 1000)];
    for (name, target, uid) in links.into_iter().chain([(".netrc", "dotfiles/netrc", 0), (".ssh", "/usr/bin", 0)]) {
        symlink(target, at(name)).unwrap();
        lchown(at(name), Some(uid), None).unwrap();
    }
    let mut places: Vec<_> = [".root", ".other", ".npmrc", ".netrc"].map(|name| place(name, WatchKind::File)).to_vec();
    places.push(place(".ssh", WatchKind::Dir));
    let own = [at(".npmrc"), at(".netrc")].map(|path| path.display().to_string());
    let names = |files: Vec<monitor_core::event::FileRef>| Vec::from_iter(files.into_iter().map(|file| file.path));
    assert_eq!(names(Marks::only_look(&places).files), own);
    assert_eq!(names(Marks::new().unwrap().add(&places).files), own);
}

#[test]
fn other_users_files_are_found_by_the_credential_maps_depth() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).display().to_string();
    fs::create_dir_all(at(".ssh/keys/old")).unwrap();
    for name in [".netrc", ".ssh/id_rsa", ".ssh/keys/work", ".ssh/keys/old/first"] {
        fs::write(at(name), "x").unwrap();
    }
    let place = |name: &str, kind, depth| WatchPlace { path: at(name), kind, depth };
    let places =
        [place(".netrc", WatchKind::File, 0), place(".absent", WatchKind::File, 0), place(".ssh", WatchKind::Dir, 1)];
    let mut found: Vec<String> = Marks::only_look(&places).files.into_iter().map(|file| file.path).collect();
    found.sort();
    assert_eq!(found, [at(".netrc"), at(".ssh/id_rsa"), at(".ssh/keys/work")]);
}
