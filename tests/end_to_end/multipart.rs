//! A push to S3 that breaks off leaves parts that no listing shows, and that the registry's own purge cannot see.

use anyhow::Result;

use crate::real::content::{self, Flavour};
use crate::real::layer::noise;
use crate::real::moto::Moto;
use crate::real::registry::{Registry, Storage, registry_garbage_collect};
use crate::tool::{Ran, regsweep};

/// More than the registry sends to S3 as one part.
const PUSHED: usize = 12 << 20;

#[tokio::test]
async fn push_that_broke_off_leaves_nothing_behind() -> Result<()> {
    let moto = Moto::start("registry")?;
    let mut registry = Registry::start(Storage::moto(&moto, "/some/root"))?;
    let client = registry.client()?;
    content::image(&client, "app", Some("latest"), Flavour::Oci, 7100).await?;
    client.leave_upload("app", &noise(7101, PUSHED)).await?;
    client.leave_upload("only/begun", &noise(7102, PUSHED)).await?;
    let images = client.pull_all().await?.whole()?;
    registry.stop();
    assert_eq!(moto.begun().await?.len(), 2);
    let config = registry.config();
    registry_garbage_collect(&config, true, false)?;
    assert_eq!(moto.begun().await?.len(), 2, "the registry's own collector leaves them");

    let config = config.display().to_string();
    let collect = |more: &[&str]| -> Ran {
        regsweep([&["gc", "--offline", "-m", "--format", "json"], more, &[config.as_str()]].concat()).expect(0)
    };
    let young = collect(&[]);
    assert_eq!((young.count("/deleted/multipart_uploads/count"), moto.begun().await?.len()), (0, 2));
    // This server tells of a start long ago; the parts tell that it was just now.
    let ran = collect(&["--uploads-older-than", "0s"]);
    assert_eq!(moto.begun().await?, Vec::<String>::new(), "{ran:#?}");
    assert_eq!(ran.count("/deleted/multipart_uploads/count"), 2);
    assert_eq!(ran.count("/deleted/multipart_uploads/bytes"), 2 * PUSHED as u64);
    assert!(ran.count("/bytes/freed") >= 2 * PUSHED as u64, "with the small files beside them");
    assert_eq!(ran.count("/deleted/uploads/count"), 2);

    registry.serve()?;
    assert_eq!(registry.client()?.pull_all().await?.whole()?, images);
    Ok(())
}
