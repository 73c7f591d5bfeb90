"""The preset dictionary for packing headers: part of format version 1, never to be changed."""

HEADER_DICTIONARY = b"".join(
    (
        b'["R","|u1"],["G","|u1"],["B","|u1"],["A","|u1"]],"|i1""|b1""<u4""<i4""<u8""<i8""<c8""<c16""<f8"',
        b'"format":"dicom""format":"nrrd""format":"metaimage""format":"mgh""format":"analyze""format":"array"',
        b'"effort":"fastest""effort":"fast""effort":"max"',
        b"0.0,0.0,-0.0,1.0,0.5,-0.5,2.0,-2.0,0.8,-0.8,0.9,-0.9,-1.0,3.0,-3.0,",
        b'{"affine":{"f8":[1.0,0.0,{"affine":{"f4":[1.0,0.0,0.0,-0.0,0.0,1.0,0.0,-0.0,0.0,0.0,1.0,-0.0,0.0,0.0,0.0,1.0]},"blobs":[["head",540],["tail",0]]',
        b'"blobs":[["head",352],["tail",0]],"codec":{"model":null,"name":"adaptive","settings":{"effort":"default","max_error":0}},',
        b'"dtype":"<f4""dtype":"|u1""dtype":"<u2""dtype":"<i2","grid":[1,16,256,256],"grid":[1,24,64,64],',
        b'"grid":[1,8,512,512],"intercept":-1024.0"intercept":0.0,"layout":[[4,2],[3],[1],[0]],"layout":[[3],[0],',
        b'[2],[1]],"layout":[[3],[2],[1],[0]],"lossless":true,"sections":[],"shape":[512,512,512],"shape":[256,256,"slope":1.0,',
        b'"source":{"format":"nifti","meta":{"byteorder":">","name":".nii","order":"C"}}}',
        b'"source":{"format":"nifti","meta":{"byteorder":"<","name":".nii.gz","order":"F"}}}',
    )
)
