//! A real Airflow, started for the length of a test.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A running Airflow. It is stopped, and its folder removed, when it is dropped.
pub struct Airflow {
    pub url: String,
    pub user: String,
    pub password: String,
    /// The DAG folder.
    pub dags: PathBuf,
    /// Where Airflow 2 looks for a mail server: a port of this machine.
    pub mail: u16,
    major: u8,
    state: PathBuf,
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/airflow").join(name)
}

impl Airflow {
    /// Starts some processes of Airflow 3 or 2 and waits until they are healthy.
    pub fn start(major: u8, parts: Option<&str>) -> Airflow {
        let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("airflow{major}-{}", std::process::id()));
        Self::up(major, parts, state)
    }

    /// A file that tasks can import (`config/NAME.py`), or a program that they find (`bin/NAME`); or one that they wrote.
    pub fn path(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// Stops it and starts it again, at the same address.
    pub fn restart(&self) {
        let stopped = Command::new("bash").arg(script("down.sh")).arg(&self.state).status().unwrap();
        assert!(stopped.success());
        // Two values for one folder: the older one is what stops it.
        std::mem::forget(Self::up(self.major, None, self.state.clone()));
    }

    fn up(major: u8, parts: Option<&str>, state: PathBuf) -> Airflow {
        let mut up = Command::new("bash");
        up.arg(script("up.sh")).arg(major.to_string()).arg(&state);
        // When this process is gone, however it ended, Airflow goes too.
        up.env("AIRFLOW_OWNER", std::process::id().to_string()).stderr(Stdio::inherit());
        if let Some(parts) = parts {
            up.env("AIRFLOW_PARTS", parts);
        }
        let output = up.output().unwrap();
        assert!(output.status.success(), "Airflow {major} does not start; see {}", state.join("logs").display());
        let text = String::from_utf8(output.stdout).unwrap();
        let told: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
        Airflow {
            url: told["URL"].to_owned(),
            user: told["USER"].to_owned(),
            password: told["PASSWORD"].to_owned(),
            dags: told["DAGS"].into(),
            mail: told["MAIL"].parse().unwrap(),
            major,
            state,
        }
    }
}

impl Drop for Airflow {
    fn drop(&mut self) {
        let _ = Command::new("bash").arg(script("down.sh")).arg(&self.state).status();
        let _ = std::fs::remove_dir_all(&self.state);
    }
}
