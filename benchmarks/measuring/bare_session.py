"""A Spark session beside the governed ones in the same JVM, with no rule of ours in it."""

from __future__ import annotations

from pyspark.sql import SparkSession


def bare_session(spark: SparkSession) -> SparkSession:
    """Return a session on the same Spark context, with only Iceberg's and Delta's rules.

    Whoever holds the driver can do this; that is why people who aren't trusted get an endpoint.
    """
    jvm = spark._jvm
    extensions = jvm.org.apache.spark.sql.SparkSessionExtensions()
    jvm.org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions().apply(extensions)
    jvm.io.delta.sql.DeltaSparkSessionExtension().apply(extensions)
    none = jvm.scala.Option.empty()
    empty = getattr(jvm.scala.collection.immutable, "Map$EmptyMap$")()
    session = jvm.org.apache.spark.sql.classic.SparkSession(
        spark.sparkContext._jsc.sc(), none, none, extensions, empty, empty
    )
    return SparkSession(spark.sparkContext, session)
