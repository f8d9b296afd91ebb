//! Writing beside others: other writers, other processes, git, a credential that ends, a disk that refuses.

use {
    super::{
        super::git::{Change, GitError},
        *,
    },
    std::process::Command,
};

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_change_what_they_read_at_once_one_wins() {
    let house = Arc::new(House::new().await);
    for round in 0..5 {
        let revision = house.revision(TASK);
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let house = Arc::clone(&house);
                tokio::spawn(async move {
                    let given = object(json!({"notes": format!("{round} {writer}")}));
                    let id = "tsk-000001-1700000000000".to_owned();
                    house
                        .writer
                        .update(&house.caller, Kind::Task, id, revision, given, false)
                        .await
                })
            })
            .collect();
        let mut won = Vec::new();
        for writer in writers {
            match writer.await.unwrap() {
                Ok(written) => won.push(json_of(&written)["fields"]["notes"].as_str().unwrap().to_owned()),
                Err(problem) => assert_eq!(problem.code(), Code::VaultNoteChanged),
            }
        }
        assert_eq!(won.len(), 1, "round {round}");
        assert!(house.text(TASK).contains(&won[0]));
        let expected = usize::try_from(round).unwrap() + 1;
        assert_eq!(house.audit().await.len(), expected, "whoever loses is not in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_houses_over_one_vault_give_no_id_twice() {
    let house = Arc::new(House::new().await);
    let mut other = house.writer.clone();
    other.open = Arc::new(open(house.home.path(), "other"));
    let writers = [house.writer.clone(), other];
    let made: Vec<_> = (0..12)
        .map(|turn| {
            let (writer, caller) = (writers[turn % 2].clone(), Arc::clone(&house.caller));
            tokio::spawn(async move {
                let question = json!({"entity_name": "x", "parent_id": "trk-1", "hypothesis_question": "y?"});
                let hypothesis = writer
                    .create(&caller, Kind::Hypothesis, object(question), false)
                    .await
                    .unwrap();
                let task = writer.create(&caller, Kind::Task, object(task()), false).await.unwrap();
                [hypothesis, task].map(|written| json_of(&written)["entity_id"].as_str().unwrap().to_owned())
            })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for one in made {
        ids.extend(one.await.unwrap());
    }
    assert_eq!(ids.len(), 24, "{ids:?}");
    assert!(
        ids.contains("hyp-1-08") && ids.contains("hyp-1-19"),
        "without gaps: {ids:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_was_revoked_meanwhile_writes_nothing() {
    let house = House::new().await;
    let before = house.files();
    house.good.store(false, Ordering::SeqCst);
    assert_eq!(
        house.create(Kind::Task, task()).await.unwrap_err().code(),
        Code::AuthKeyRevoked
    );
    let id = "tsk-000001-1700000000000";
    assert_eq!(
        house
            .update(Kind::Task, id, TASK, json!({"notes": "x"}))
            .await
            .unwrap_err()
            .code(),
        Code::AuthKeyRevoked
    );
    assert_eq!(
        house.delete(Kind::Task, id, TASK, false).await.unwrap_err().code(),
        Code::AuthKeyRevoked
    );
    assert_eq!((house.files(), house.audit().await.len()), (before, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_announced_and_did_not_happen_is_told_too() {
    let house = House::new().await;
    let outside = tempfile::tempdir().unwrap();
    fs::remove_dir_all(house.path("50_Projects/2025/P001_gate/Tasks")).unwrap();
    std::os::unix::fs::symlink(outside.path(), house.path("50_Projects/2025/P001_gate/Tasks")).unwrap();
    assert_eq!(
        house.create(Kind::Task, task()).await.unwrap_err().code(),
        Code::VaultNotFound
    );
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    let kinds: Vec<_> = house.audit().await.into_iter().map(|row| row.kind).collect();
    assert_eq!(kinds, ["vault.task.created", "vault.write.failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_nobody_waits_for_is_done_all_the_same() {
    let house = House::new().await;
    let (mut done, mut left) = (0, 0);
    for turn in 0..40_u64 {
        let before = house.files().len();
        let call = house.writer.create(&house.caller, Kind::Task, object(task()), false);
        let gone = tokio::time::timeout(std::time::Duration::from_micros(turn * 200), call)
            .await
            .is_err();
        // The lock is free again when what went on has ended.
        while house.writer.open.notes().jail().try_lock().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        left += usize::from(gone);
        done += house.files().len() - before;
    }
    assert!(left > 0, "nobody went away in time");
    let audit = house.audit().await;
    let announced = audit.iter().filter(|row| row.kind == "vault.task.created").count();
    assert_eq!((announced, audit.len()), (done, done), "what is announced is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_while_another_folder_lies_where_the_vault_was() {
    let house = House::new().await;
    let (root, away) = (house.path(""), house.home.path().join("away"));
    fs::rename(&root, &away).unwrap();
    let copy = Command::new("cp").arg("-r").args([&away, &root]).status().unwrap();
    assert!(copy.success());
    let before = house.files();
    let id = "tsk-000001-1700000000000";
    let revision = house.revision(TASK);
    for refused in [
        house.create(Kind::Task, task()).await.map(drop),
        house
            .update(Kind::Task, id, TASK, json!({"notes": "x"}))
            .await
            .map(drop),
        house.delete(Kind::Task, id, TASK, false).await.map(drop),
        house
            .writer
            .duplicate(&house.caller, Kind::Task, id.to_owned(), true)
            .await
            .map(drop),
    ] {
        assert_eq!(refused.unwrap_err().code(), Code::VaultMoved);
    }
    assert_eq!((house.files(), house.audit().await.len()), (before, 0));
    assert_eq!(SEAL.revision(&fs::read(away.join(TASK)).unwrap()), revision.unwrap());
    fs::remove_dir_all(&root).unwrap();
    fs::rename(&away, &root).unwrap();
    house.update(Kind::Task, id, TASK, json!({"notes": "x"})).await.unwrap();
}

fn git(house: &House, args: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(house.path(""))
        .args([
            "-c",
            "user.name=Somebody",
            "-c",
            "user.email=somebody@a.example",
            "-c",
            "core.hooksPath=/dev/null",
        ])
        .args(args)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_write_is_a_commit_of_its_own_by_whoever_asked() {
    let mut house = House::new().await;
    git(&house, &["init", "--quiet"]);
    git(&house, &["add", "--all"]);
    git(&house, &["commit", "--quiet", "--message=first"]);
    // What would run if anything did, ask if anybody could be asked, and what somebody else is about to commit.
    for hook in [
        "pre-commit",
        "commit-msg",
        "post-commit",
        "prepare-commit-msg",
        "post-index-change",
    ] {
        let path = house.path(&format!(".git/hooks/{hook}"));
        put(&path, "#!/bin/sh\ntouch ran\nexit 1\n");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    git(&house, &["config", "commit.gpgSign", "true"]);
    git(&house, &["config", "gpg.program", "/nowhere"]);
    git(&house, &["config", "core.editor", "sleep 60"]);
    put(&house.path("theirs.md"), "theirs");
    git(&house, &["add", "theirs.md"]);
    put(
        &house.path("20_Strategy/trk-1.md"),
        &entity("Track", "trk-1", "Changed by hand", ""),
    );
    house.writer.git = Some(Git::at(house.path("")));

    let made = json_of(&house.create(Kind::Task, task()).await.unwrap());
    let (id, path) = (made["entity_id"].as_str().unwrap(), made["path"].as_str().unwrap());
    assert_eq!(made["git"], "committed");
    house
        .update(Kind::Task, id, path, json!({"status": "doing"}))
        .await
        .unwrap();
    let deleted = house.delete(Kind::Task, id, path, false).await.unwrap();
    assert_eq!(deleted.git, super::super::commit::InGit::Committed);
    let project = house.delete(Kind::Project, "prj-001", PROJECT, true).await.unwrap();
    assert_eq!(project.git, super::super::commit::InGit::Committed);

    let log = git(
        &house,
        &[
            "log",
            "--format=%an|%s",
            "--name-status",
            "--no-renames",
            "--reverse",
            "-n4",
        ],
    );
    let by = house.caller.credential.to_string();
    let folder = "50_Projects/2025/P001_gate";
    assert_eq!(
        log,
        format!(
            "{by}|task {id} created\n\nA\t{path}\n{by}|task {id} updated\n\nM\t{path}\n{by}|task {id} deleted\n\nD\t{path}\n\
             {by}|project prj-001 deleted\n\nD\t{folder}/Tasks/tsk-000001-1700000000000.md\nD\t{folder}/project.md\n"
        )
    );
    assert!(!house.path("ran").exists(), "a hook ran");
    let status = git(&house, &["status", "--porcelain", "--untracked-files=no"]);
    assert_eq!(
        status, " M 20_Strategy/trk-1.md\nA  theirs.md\n",
        "what is somebody else's is as it was"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_stays_when_git_fails() {
    let mut house = House::new().await;
    house.writer.git = Some(Git::at(house.path("")));
    let made = json_of(&house.create(Kind::Task, task()).await.unwrap());
    assert_eq!(made["git"], "failed", "there is no repository");
    assert!(house.path(made["path"].as_str().unwrap()).is_file());
}

/// Under git, with all that is there committed.
async fn in_git() -> House {
    let mut house = House::new().await;
    git(&house, &["init", "--quiet"]);
    git(&house, &["add", "--all"]);
    git(&house, &["commit", "--quiet", "--message=first"]);
    house.writer.git = Some(Git::at(house.path("")));
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_disk_spells_in_its_own_way_is_committed_so() {
    let mut house = House::new().await;
    // As a Mac writes it: letters and their accents apart.
    let apart = "60_Hypotheses/2026/hyp-1-08_cafe\u{301}.md";
    let more = "parent_id: trk-1\nhypothesis_question: Is it?\n";
    put(&house.path(apart), &entity("Hypothesis", "hyp-1-08", "One", more));
    git(&house, &["init", "--quiet"]);
    git(&house, &["add", "--all"]);
    git(&house, &["commit", "--quiet", "--message=first"]);
    house.writer.git = Some(Git::at(house.path("")));
    let path = NotePath::parse("60_Hypotheses/2026/hyp-1-08_caf\u{e9}.md").unwrap();
    house.writer.open.notes().refresh(std::slice::from_ref(&path)).unwrap();
    let changed = house
        .update(Kind::Hypothesis, "hyp-1-08", apart, json!({"notes": "x"}))
        .await;
    assert_eq!(json_of(&changed.unwrap())["git"], "committed");
    let gone = house.delete(Kind::Hypothesis, "hyp-1-08", apart, false).await.unwrap();
    assert_eq!(gone.git, super::super::commit::InGit::Committed);
    let log = git(
        &house,
        &[
            "-c",
            "core.quotePath=false",
            "log",
            "--format=%s",
            "--name-status",
            "-n2",
        ],
    );
    assert_eq!(
        log,
        format!("hypothesis hyp-1-08 deleted\n\nD\t{apart}\nhypothesis hyp-1-08 updated\n\nM\t{apart}\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_leaves_what_is_staged_as_it_was() {
    let house = in_git().await;
    put(&house.path("theirs.md"), "theirs");
    git(&house, &["add", "theirs.md"]);
    // Somebody else's git is at work, or died.
    put(&house.path(".git/HEAD.lock"), "");
    let made = json_of(&house.create(Kind::Task, task()).await.unwrap());
    assert_eq!(made["git"], "failed");
    let changed = house
        .update(Kind::Task, "tsk-000001-1700000000000", TASK, json!({"notes": "x"}))
        .await;
    assert_eq!(json_of(&changed.unwrap())["git"], "failed");
    let path = made["path"].as_str().unwrap();
    let staged = git(&house, &["status", "--porcelain"]);
    assert_eq!(staged, format!(" M {TASK}\nA  theirs.md\n?? {path}\n"));
    fs::remove_file(house.path(".git/HEAD.lock")).unwrap();
    let id = made["entity_id"].as_str().unwrap();
    let again = house.update(Kind::Task, id, path, json!({"notes": "x"})).await.unwrap();
    assert_eq!(json_of(&again)["git"], "committed", "the next change of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_git_that_hangs_holds_up_one_write_and_no_row_of_them() {
    let mut house = in_git().await;
    let patience = std::time::Duration::from_millis(300);
    house.writer.git.as_mut().unwrap().patience = patience;
    // Whoever opens it waits for somebody who writes into it.
    let exclude = house.path(".git/info/exclude");
    fs::remove_file(&exclude).unwrap();
    assert!(Command::new("mkfifo").arg(&exclude).status().unwrap().success());
    let change = Change {
        path: "00_Meta/schema_constants.yaml",
        gone: false,
        message: "x",
        by: "x",
    };
    let now = house.writer.clock.now().for_release();
    let mut git_of = house.writer.git.clone().unwrap();
    assert!(matches!(git_of.commit(change, now).await, Err(GitError::Slow)));
    let made = json_of(&house.create(Kind::Task, task()).await.unwrap());
    assert_eq!(made["git"], "failed");
    let later = now.plus_millis(59_999);
    assert!(
        matches!(git_of.commit(change, later).await, Err(GitError::Rests)),
        "it is not even asked"
    );
    fs::remove_file(&exclude).unwrap();
    assert!(!house.path(".git/index.lock").exists(), "it cleaned up");
    put(&house.path("00_Meta/schema_constants.yaml"), &format!("{SCHEMA}# x\n"));
    git_of.patience = std::time::Duration::from_secs(60);
    git_of.commit(change, now.plus_millis(60_000)).await.unwrap();
    let status = git(&house, &["status", "--porcelain"]);
    assert_eq!(status, format!("?? {}\n", made["path"].as_str().unwrap()));
}
