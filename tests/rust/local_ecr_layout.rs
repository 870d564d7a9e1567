//! Contents from OCI image layouts: complete, partial and hostile.

use std::fs;
use std::path::{Path, PathBuf};

use layercheck::local_ecr::{key, read_oci_layout};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A temporary folder, removed at the end.
struct Layout(PathBuf);

impl Layout {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("layercheck-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        Self(folder)
    }

    fn blob(&self, content: &[u8], media_type: &str) -> Value {
        let hash: [u8; 32] = Sha256::digest(content).into();
        let text = key::text(&hash);
        fs::write(self.0.join("blobs/sha256").join(&text[7..]), content).unwrap();
        json!({"mediaType": media_type, "digest": text, "size": content.len()})
    }

    fn document(&self, document: &Value, media_type: &str) -> Value {
        self.blob(document.to_string().as_bytes(), media_type)
    }

    fn index(&self, text: &str) {
        fs::write(self.0.join("index.json"), text).unwrap();
    }

    fn error(&self) -> String {
        read_oci_layout(&self.0, false).unwrap_err().to_string()
    }
}

impl Drop for Layout {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

#[test]
fn configs_and_layers_of_nested_images_come_once_in_the_order_of_appearance() {
    let layout = Layout::new("nested");
    let config = layout.blob(b"{}", "application/vnd.oci.image.config.v1+json");
    let (one, two) = (layout.blob(b"one", LAYER), layout.blob(b"two", LAYER));
    let first = layout.document(&json!({"config": config, "layers": [one, two]}), MANIFEST);
    let second = layout.document(&json!({"config": config, "layers": [two]}), DOCKER_MANIFEST);
    let inner = layout.document(&json!({"manifests": [first, second]}), INDEX);
    let strange = json!({"mediaType": "text/plain", "digest": "whatever", "size": 1});
    layout.index(&json!({"manifests": [inner, strange]}).to_string());

    let blobs = read_oci_layout(&layout.0, false).unwrap();
    let found: Vec<_> =
        blobs.iter().map(|blob| (key::text(&blob.key), blob.size.unwrap(), blob.on_disk)).collect();
    let text = |blob: &Value| blob["digest"].as_str().unwrap().to_owned();
    assert_eq!(found, [(text(&config), 2, true), (text(&one), 3, true), (text(&two), 3, true)]);
    assert_eq!(blobs[1].media_type, LAYER);
}

#[test]
fn blobs_that_are_not_on_disk_are_left_out_on_request() {
    let layout = Layout::new("partial");
    let there = layout.blob(b"there", LAYER);
    let gone = json!({"mediaType": LAYER, "digest": format!("sha256:{}", "ab".repeat(32)), "size": 9});
    let manifest = layout.document(&json!({"config": there, "layers": [gone]}), MANIFEST);
    let sparse = json!({"mediaType": MANIFEST, "digest": format!("sha256:{}", "cd".repeat(32)), "size": 9});
    layout.index(&json!({"manifests": [manifest]}).to_string());
    assert_eq!(read_oci_layout(&layout.0, false).unwrap().len(), 2);
    assert_eq!(read_oci_layout(&layout.0, true).unwrap().len(), 1);

    layout.index(&json!({"manifests": [sparse, manifest]}).to_string());
    assert_eq!(read_oci_layout(&layout.0, true).unwrap().len(), 1);
    assert!(layout.error().contains("cdcdcd"));
}

#[test]
fn hostile_layouts_are_errors_that_name_the_file() {
    let layout = Layout::new("hostile");
    assert!(layout.error().contains("no index.json"));
    let rows = [
        ("", "index.json"),
        ("[]", "index"),
        ("{}", "neither a manifest nor an index"),
        ("{\"manifests\":[{\"digest\":7}]}", "a part without a digest"),
        ("{\"manifests\":[{\"digest\":\"sha256:../../../etc/passwd\",\"size\":1}]}", "etc/passwd"),
        ("{\"manifests\":[{\"digest\":\"sha256:00\",\"size\":-1}]}", "malformed"),
    ];
    for (index, expected) in rows {
        layout.index(index);
        assert!(layout.error().contains(expected), "{index}: {}", layout.error());
    }
    layout.index(&"[".repeat(100_000));
    assert!(layout.error().contains("nested too deep"));
    layout.index(&" ".repeat((4 << 20) + 1));
    assert!(layout.error().contains("4 MiB"));
}

#[test]
fn a_document_that_does_not_hash_to_its_name_is_refused() {
    let layout = Layout::new("forged");
    let manifest = layout.document(&json!({"layers": []}), MANIFEST);
    let name = &manifest["digest"].as_str().unwrap()[7..];
    fs::write(layout.0.join("blobs/sha256").join(name), b"{\"layers\":[] }").unwrap();
    layout.index(&json!({"manifests": [manifest]}).to_string());
    assert!(layout.error().contains("does not hash to its name"));
}

#[test]
fn indexes_may_nest_up_to_a_limit() {
    let layout = Layout::new("deep");
    let nest = |levels: usize| {
        let mut inner = layout.document(&json!({"layers": []}), MANIFEST);
        for _ in 0..levels {
            inner = layout.document(&json!({"manifests": [inner]}), INDEX);
        }
        layout.index(&json!({"manifests": [inner]}).to_string());
    };
    nest(7);
    assert!(read_oci_layout(&layout.0, false).is_ok());
    nest(8);
    assert!(layout.error().contains("8 deep"));
}

#[test]
fn a_folder_in_place_of_a_document_is_an_error() {
    let layout = Layout::new("folder");
    let digest = format!("sha256:{}", "ab".repeat(32));
    fs::create_dir(layout.0.join("blobs/sha256").join(&digest[7..])).unwrap();
    layout.index(&json!({"manifests": [{"mediaType": MANIFEST, "digest": digest, "size": 1}]}).to_string());
    assert!(layout.error().contains("not a regular file"));
    assert!(read_oci_layout(Path::new("/nonexistent"), false).is_err());
}
